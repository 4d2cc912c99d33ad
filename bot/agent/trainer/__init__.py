"""The training process: one attempt of one run, told by events and stopped by SIGTERM.

Started by the agent as ``python -m bot.agent.trainer JOB.json --events-file EVENTS.jsonl``.  The
only part of Berth that imports Ultralytics and torch; the contract is
`bot.agent.trainer_contract`.
"""
