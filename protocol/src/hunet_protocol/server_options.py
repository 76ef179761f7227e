"""What every gRPC server of the system is made with."""

SERVER_OPTIONS = (
    # Two servers on one port would each get half of the calls.
    ("grpc.so_reuseport", 0),
    # Finds peers that have vanished without a word, so that their calls end.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
