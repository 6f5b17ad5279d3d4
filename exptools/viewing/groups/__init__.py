"""Which runs belong together: what varies, what differs, what a condition picks."""
