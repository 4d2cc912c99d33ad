// What a person has entered into one view or one message, in the shape of Slack's `state.values`.
// https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload/

/** The property of a state value that carries what was chosen, by element type. */
export const VALUE_KEY = {
  plain_text_input: "value",
  number_input: "value",
  email_text_input: "value",
  url_text_input: "value",
  rich_text_input: "rich_text_value",
  datepicker: "selected_date",
  timepicker: "selected_time",
  datetimepicker: "selected_date_time",
  static_select: "selected_option",
  external_select: "selected_option",
  radio_buttons: "selected_option",
  multi_static_select: "selected_options",
  multi_external_select: "selected_options",
  checkboxes: "selected_options",
  users_select: "selected_user",
  multi_users_select: "selected_users",
  channels_select: "selected_channel",
  multi_channels_select: "selected_channels",
  conversations_select: "selected_conversation",
  multi_conversations_select: "selected_conversations",
  file_input: "files",
};

const INITIAL_KEY = {
  value: "initial_value",
  rich_text_value: "initial_value",
  selected_date: "initial_date",
  selected_time: "initial_time",
  selected_date_time: "initial_date_time",
  selected_option: "initial_option",
  selected_options: "initial_options",
  selected_user: "initial_user",
  selected_users: "initial_users",
  selected_channel: "initial_channel",
  selected_channels: "initial_channels",
  selected_conversation: "initial_conversation",
  selected_conversations: "initial_conversations",
};

const LIST_KEYS = /^(selected_options|selected_users|selected_channels|selected_conversations|files)$/;

/** All options of a select, with or without groups. */
export function optionsOf(element) {
  return element.options ?? (element.option_groups ?? []).flatMap((group) => group.options);
}

/** The elements of a block that hold a value, as [element, block] pairs. */
export function statefulElements(block) {
  const all = [block.element, block.accessory, ...(block.elements ?? [])];
  return all.filter((e) => e && typeof e === "object" && Object.hasOwn(VALUE_KEY, e.type));
}

/** A state value object for what is chosen in an element. */
export function stateValue(element, chosen) {
  const value = { type: element.type, [VALUE_KEY[element.type]]: chosen };
  if (element.type === "timepicker" && element.timezone) value.timezone = element.timezone;
  return value;
}

function initialOf(element, currentChannel) {
  const key = VALUE_KEY[element.type];
  if (element.default_to_current_conversation && currentChannel) {
    const initial = element[INITIAL_KEY[key]];
    if (initial === undefined) return LIST_KEYS.test(key) ? [currentChannel] : currentChannel;
  }
  return element[INITIAL_KEY[key]] ?? (LIST_KEYS.test(key) ? [] : null);
}

function stillOffered(element, chosen) {
  if (!/^(multi_)?static_select$|^radio_buttons$|^checkboxes$/.test(element.type)) return true;
  const values = new Set(optionsOf(element).map((option) => option.value));
  return [chosen].flat().every((option) => option === null || values.has(option.value));
}

const keyOf = (blockId, actionId) => JSON.stringify([blockId, actionId]);

/** The values of one surface; they outlive an update that keeps block_id and action_id, as Slack's do. */
export class FormState {
  #entries = new Map();

  /** Take over the elements of `blocks`: keep what still fits, start the rest at its initial value. */
  sync(blocks, currentChannel) {
    const next = new Map();
    for (const block of blocks) {
      for (const element of statefulElements(block)) {
        const key = keyOf(block.block_id, element.action_id);
        const old = this.#entries.get(key);
        const fits = old && old.element.type === element.type && stillOffered(element, old.chosen);
        const chosen = fits ? old.chosen : initialOf(element, currentChannel);
        next.set(key, { blockId: block.block_id, element, chosen });
      }
    }
    this.#entries = next;
  }

  get(blockId, actionId) {
    return this.#entries.get(keyOf(blockId, actionId))?.chosen ?? null;
  }

  set(blockId, actionId, chosen) {
    const entry = this.#entries.get(keyOf(blockId, actionId));
    if (entry) entry.chosen = chosen;
  }

  /** {block_id: {action_id: {type, …}}}, untouched fields with their initial values included. */
  values() {
    const values = {};
    for (const { blockId, element, chosen } of this.#entries.values()) {
      values[blockId] ??= {};
      values[blockId][element.action_id] = stateValue(element, chosen);
    }
    return values;
  }

  /** {block_id: text} of what Slack itself refuses before it asks the app. */
  problems(blocks) {
    const problems = {};
    for (const block of blocks) {
      if (block.type !== "input" || !Object.hasOwn(VALUE_KEY, block.element.type)) continue;
      const chosen = this.get(block.block_id, block.element.action_id);
      const empty = chosen === null || chosen === "" || (Array.isArray(chosen) && !chosen.length);
      const text = empty
        ? !block.optional && "Please complete this required field."
        : problemOf(block.element, chosen);
      if (text) problems[block.block_id] = text;
    }
    return problems;
  }
}

function numberProblem(element, chosen) {
  const decimal = element.is_decimal_allowed;
  if (!/^-?\d+(\.\d+)?$/.test(chosen)) return "Please enter a number.";
  if (!decimal && chosen.includes(".")) return "Please enter a whole number.";
  const number = Number(chosen);
  const [low, high] = [element.min_value, element.max_value];
  if (low !== undefined && number < Number(low)) return `Please enter a number of at least ${low}.`;
  if (high !== undefined && number > Number(high)) return `Please enter a number of at most ${high}.`;
  return null;
}

function problemOf(element, chosen) {
  switch (element.type) {
    case "number_input":
      return numberProblem(element, chosen);
    case "plain_text_input":
      if (element.min_length && chosen.length < element.min_length) {
        return `Please enter at least ${element.min_length} characters.`;
      }
      if (element.max_length && chosen.length > element.max_length) {
        return `Please enter at most ${element.max_length} characters.`;
      }
      return null;
    case "email_text_input":
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(chosen) ? null : "Please enter an email address.";
    case "url_text_input":
      return /^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(chosen) ? null : "Please enter a full URL.";
    default:
      return null;
  }
}
