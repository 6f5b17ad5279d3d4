"""Between the network and the app: connections, what is asked, and what is said when it fails."""
