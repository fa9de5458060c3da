//! The machine around the service: the service manager that started it, and the limits of its
//! process.

pub(crate) mod descriptors;
pub(crate) mod service_manager;
