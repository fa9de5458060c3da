//! HTTP for whoever watches a service: an axum router over hyper, on a runtime of its own beside
//! the service.
//!
//! A request passes, in this order: [`listener`] accepts the connection, [`peer`] looks at who
//! connects and whether a whole request has arrived, [`slots`] decides whether it may be served,
//! [`connection`] reads the request within its limits, [`host`] checks for which host it is, and
//! [`routes`] answers it. Slow, silent and numerous clients are bounded by the time of a connection
//! and by the slots, so they can neither exhaust the process nor keep others out.
//!
//! [`metrics`] lists the metric families, and [`exposition`] writes them in the format that
//! [`accept_header`] selects.

mod accept_header;
mod connection;
mod exposition;
mod host;
mod listener;
mod metrics;
mod peer;
mod process;
mod routes;
mod server;
mod slots;

pub(crate) use server::{BindError, Bound, Server};
