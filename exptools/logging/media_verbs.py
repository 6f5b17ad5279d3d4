"""stub"""


class MediaVerbs:
    """stub"""
