"""How the client's gRPC channels are set up."""

# Fifteen slices, or an answer of sixteen with its digest, go beyond gRPC's default of 4 MiB.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A name that stands for several replicas: they take turns.
    ("grpc.lb_policy_name", "round_robin"),
    # gRPC waits up to two minutes before it tries a lost connection again; retries here need it sooner.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
START_THE_STACK = "Start the services with `hunet up` (`hunet status` tells what runs), or name their addresses"
