"""The only room of HTTP and Socket.IO. Knows no Redis commands."""
