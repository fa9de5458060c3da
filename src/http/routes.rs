//! The paths and their responses.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::process::ProcessFiles;
use super::{accept_header, metrics};
use crate::report::serve::peers_json;
use bullhorn_server::{Monitor, PeerTable};

/// Where the responses come from.
pub(super) struct Source {
    pub(super) monitor: Monitor,
    pub(super) peers: Option<PeerTable>,
    pub(super) process: ProcessFiles,
}

/// A status and a line of text.
type Line = (StatusCode, &'static str);

/// GET and HEAD of `/metrics`, `/livez`, `/readyz` and `/api/peers`. Reads no request's body.
pub(super) fn router(source: Arc<Source>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/api/peers", get(peers))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(source)
}

async fn metrics(State(source): State<Arc<Source>>, headers: HeaderMap) -> Response {
    let Some(stats) = source.monitor.stats() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server has ended\n").into_response();
    };
    let format = accept_header::preferred_format(&headers);
    let text = metrics::render(format, &stats, &source.process.read());
    ([(CONTENT_TYPE, format.content_type())], text).into_response()
}

async fn livez(State(source): State<Arc<Source>>) -> Line {
    liveness(&source.monitor)
}

async fn readyz(State(source): State<Arc<Source>>) -> Line {
    readiness(&source.monitor)
}

async fn peers(State(source): State<Arc<Source>>) -> Response {
    let Some(peers) = &source.peers else {
        let text = "no peers are listed; start with --peers 100\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let body = format!("{}\n", peers_json(&peers.read(), Instant::now()));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn liveness(monitor: &Monitor) -> Line {
    if monitor.is_alive() {
        (StatusCode::OK, "alive\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "a worker has ended\n")
    }
}

fn readiness(monitor: &Monitor) -> Line {
    if monitor.is_ready() {
        (StatusCode::OK, "ready\n")
    } else if monitor.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else {
        liveness(monitor)
    }
}

async fn method_not_allowed() -> impl IntoResponse {
    let allow = [(ALLOW, "GET, HEAD")];
    (StatusCode::METHOD_NOT_ALLOWED, allow, "only GET and HEAD\n")
}

async fn not_found() -> Line {
    let text = "not found; try /metrics, /livez, /readyz, /api/peers\n";
    (StatusCode::NOT_FOUND, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bullhorn_server::Server;

    #[test]
    fn a_stopped_server_is_alive_but_not_ready_and_has_no_metrics() {
        let server = Server::builder()
            .endpoint("udp://127.0.0.1:0")
            .start()
            .unwrap();
        let source = Arc::new(Source {
            monitor: server.monitor(),
            peers: server.peers(),
            process: ProcessFiles::open(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let status_of_metrics = || {
            let metrics = metrics(State(source.clone()), HeaderMap::new());
            runtime.block_on(metrics).status()
        };
        assert_eq!(readiness(&source.monitor), (StatusCode::OK, "ready\n"));
        assert_eq!(liveness(&source.monitor), (StatusCode::OK, "alive\n"));
        assert_eq!(status_of_metrics(), StatusCode::OK);
        server.stop();
        let stopping = (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
        assert_eq!(readiness(&source.monitor), stopping);
        assert_eq!(liveness(&source.monitor), (StatusCode::OK, "alive\n"));
        assert_eq!(status_of_metrics(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
