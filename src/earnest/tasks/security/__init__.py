"""Security: does it withstand somebody who attacks it?"""
