"""A Slack stand-in on loopback, so that Berth can be tried and tested without a workspace.

It speaks the parts of Slack that Berth uses: the Web API, Socket Mode and signed HTTP requests,
and it is strict where real Slack would hurt: three-second triggers and acknowledgements, token
kinds, Block Kit limits, rate limits, redelivery, hash conflicts, broken connections. People act
through a console in the browser (`GET /`) or through `bot.sandbox.client.SandboxClient`.

`bot.sandbox.server.SlackStandIn` starts it. It binds 127.0.0.1 only: it can act as any user.
"""
