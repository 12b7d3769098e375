//! The placement driver: gRPC and HTTP on one port, as the real one.

pub(crate) mod etcd;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod labels;
pub(crate) mod members;
pub(crate) mod state;
pub(crate) mod tso;
