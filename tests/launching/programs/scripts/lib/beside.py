"""A module that looks into the script that uses it."""


def table_of_main():
    import __main__

    return __main__.TABLE
