"""What the processes of a pool are given to do."""


class Task:
    def __init__(self, start):
        self.start = start

    def __call__(self):
        return self.start + 40
