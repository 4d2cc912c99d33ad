// Common emoji shortcodes. Slack knows some 1900; an unknown one is shown as :text:, as Slack does
// for an emoji that a workspace lacks.

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|100 💯|1234 🔢|alarm_clock ⏰|alembic ⚗️|anchor ⚓|angry 😠
arrow_backward ◀️|arrow_down ⬇️|arrow_down_small 🔽|arrow_forward ▶️|arrow_left ⬅️|arrow_lower_right ↘️
arrow_right ➡️|arrow_up ⬆️|arrow_up_small 🔼|arrow_upper_right ↗️|arrows_clockwise 🔃
arrows_counterclockwise 🔄|balance_scale ⚖️|ballot_box_with_check ☑️|bangbang ‼️|bar_chart 📊|battery 🔋
beer 🍺|bell 🔔|no_bell 🔕|black_circle ⚫|black_large_square ⬛|black_square_for_stop ⏹️|blush 😊|boat ⛵
book 📖|bookmark 🔖|boom 💥|brain 🧠|broom 🧹|bug 🐛|bulb 💡|bust_in_silhouette 👤
busts_in_silhouette 👥|cake 🍰|calendar 📆|date 📅|spiral_calendar_pad 🗓️|camera 📷
card_index_dividers 🗂️|chart_with_downwards_trend 📉|chart_with_upwards_trend 📈|chipmunk 🐿️
clap 👏|clipboard 📋|clock1 🕐|clock3 🕒|clock9 🕘|clock12 🕛|cloud ☁️|coffee ☕|cold_face 🥶
compass 🧭|computer 💻|confetti_ball 🎊|construction 🚧|crossed_fingers 🤞|crown 👑|crying_cat_face 😿
cry 😢|crystal_ball 🔮|cyclone 🌀|dart 🎯|desktop_computer 🖥️|dizzy 💫|door 🚪|dvd 📀|ear 👂
egg 🥚|eight 8️⃣|electric_plug 🔌|email 📧|envelope ✉️|exclamation ❗|heavy_exclamation_mark ❗|eyes 👀
face_with_monocle 🧐|facepalm 🤦|fast_forward ⏩|file_cabinet 🗄️|file_folder 📁|fire 🔥|five 5️⃣
flashlight 🔦|floppy_disk 💾|four 4️⃣|gear ⚙️|ghost 👻|gift 🎁|globe_with_meridians 🌐|green_heart 💚
grey_exclamation ❕|grey_question ❔|grin 😁|grinning 😀|hammer 🔨|hammer_and_wrench 🛠️|handshake 🤝
heart ❤️|heavy_check_mark ✔️|heavy_minus_sign ➖|heavy_multiplication_x ✖️|heavy_plus_sign ➕
high_brightness 🔆|hot_face 🥵|hourglass ⌛|hourglass_flowing_sand ⏳|house 🏠|inbox_tray 📥
information_source ℹ️|joy 😂|key 🔑|keycap_star *️⃣|label 🏷️|large_blue_circle 🔵|large_blue_square 🟦
large_brown_circle 🟤|large_green_circle 🟢|large_green_square 🟩|large_orange_circle 🟠
large_orange_square 🟧|large_purple_circle 🟣|large_purple_square 🟪|large_red_square 🟥
large_yellow_circle 🟡|large_yellow_square 🟨|red_circle 🔴|leaves 🍃|lightning ⚡|zap ⚡|link 🔗|lock 🔒
mag 🔍|mag_right 🔎|mailbox 📫|mechanical_arm 🦾|medal 🏅|mega 📣|loudspeaker 📢|memo 📝|pencil 📝
pencil2 ✏️|microscope 🔬|money_with_wings 💸|moneybag 💰|moon 🌔|muscle 💪|mute 🔇|nine 9️⃣|no_entry ⛔
no_entry_sign 🚫|o ⭕|ocean 🌊|ok 🆗|ok_hand 👌|one 1️⃣|outbox_tray 📤|package 📦|page_facing_up 📄
paperclip 📎|partly_sunny ⛅|pause_button ⏸️|double_vertical_bar ⏸️|pensive 😔|play_or_pause_button ⏯️
point_down 👇|point_left 👈|point_right 👉|point_up ☝️|point_up_2 👆|pray 🙏|pushpin 📌|question ❓
rainbow 🌈|raised_hand ✋|raised_hands 🙌|recycle ♻️|repeat 🔁|rewind ⏪|robot_face 🤖|rocket 🚀
rotating_light 🚨|sailboat ⛵|satellite 🛰️|scales ⚖️|scissors ✂️|scream 😱|scroll 📜|see_no_evil 🙈
seedling 🌱|seven 7️⃣|shield 🛡️|ship 🚢|shrug 🤷|six 6️⃣|sleeping 😴|sleepy 😪|slightly_smiling_face 🙂
small_blue_diamond 🔹|small_orange_diamond 🔸|smile 😄|smiley 😃|smirk 😏|snail 🐌|snowflake ❄️|sob 😭
soon 🔜|sparkles ✨|speech_balloon 💬|star ⭐|star2 🌟|stopwatch ⏱️|sunglasses 😎|sunny ☀️|sweat_smile 😅
tada 🎉|test_tube 🧪|thermometer 🌡️|thinking_face 🤔|thought_balloon 💭|three 3️⃣|timer_clock ⏲️
ticket 🎫|tools 🛠️|toolbox 🧰|trophy 🏆|turtle 🐢|two 2️⃣|umbrella ☔|unlock 🔓|up 🆙|v ✌️|vertical_traffic_light 🚦
traffic_light 🚥|warning ⚠️|wastebasket 🗑️|watch ⌚|wave 👋|white_check_mark ✅|white_circle ⚪
white_large_square ⬜|white_small_square ▫️|wink 😉|wrench 🔧|x ❌|yellow_heart 💛|zero 0️⃣|zzz 💤`;

const EMOJI = new Map(
  TABLE.trim().split(/[|\n]/).map((entry) => {
    const space = entry.indexOf(" ");
    return [entry.slice(0, space), entry.slice(space + 1)];
  }),
);

/** The character of a shortcode without its colons, or null. */
export function emojiOf(name) {
  return EMOJI.get(name) ?? null;
}

/** Replace the known shortcodes of a plain text; skin tones are dropped. */
export function withEmoji(text) {
  return text
    .replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI.get(name) ?? all)
    .replace(/:skin-tone-[2-6]:/g, "");
}
