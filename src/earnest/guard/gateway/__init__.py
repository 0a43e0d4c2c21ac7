"""A gateway between a voice client and its provider, which judges both sides of every call under a policy.

`server` relays, `call` applies decisions to one call, a dialect (`realtime`, `gemini`, `twilio`, `vllm`) reads and writes
the events of one protocol, and `whole` guards requests that carry a whole clip. Detectors run in a process of their own
(`ear`), so that neither their time nor their end stops a call.
"""
