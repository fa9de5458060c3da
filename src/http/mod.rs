//! HTTP for monitoring: an axum router over hyper, on a separate runtime beside the service.
//!
//! A request passes, in this order: [`listener`] accepts the connection, [`peer`] determines who
//! connects and whether a whole request has arrived, [`slots`] decides whether it may be served,
//! [`connection`] reads the request within its limits, [`host`] checks which host it is for, and
//! [`routes`] answers it. The timeout of a connection and the slots limit slow, silent and numerous
//! clients, so they can neither exhaust the process nor keep others out.
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
