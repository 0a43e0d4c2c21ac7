"""For tests of earnest and of packages beside it: the contracts that plug-ins meet, a loopback endpoint."""
