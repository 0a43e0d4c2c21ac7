"""Federated learning over speakers: what one client's update gives away, and what hides it.

`inversion` reads a clip's features out of an update, `secure_sum` hides an update in a sum, `client_privacy` bounds
what a sum tells of one client. These three need no Flower. `training` is what a client does with its speaker's clips, and
`apps` makes the client and the server of Flower (`earnest[federated]`).
"""
