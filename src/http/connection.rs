//! One connection: one request and its response, within a limit of time and size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::slots::Occupant;

/// For the whole connection: sending the request and reading the response.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum size of a request without its body, which is never read.
const MAX_REQUEST_SIZE: usize = 16 << 10;

/// A connection that is being served by a task.
#[derive(Debug)]
pub(super) struct Connection {
    task: AbortHandle,
    has_request: Arc<AtomicBool>,
}

impl Connection {
    /// Serves `stream` on the current runtime. `has_request`: a whole request has already arrived.
    pub(super) fn start(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        router: Router,
        has_request: bool,
    ) -> Self {
        let has_request = Arc::new(AtomicBool::new(has_request));
        let task = tokio::spawn(serve(stream, router, has_request.clone()));
        Self {
            task: task.abort_handle(),
            has_request,
        }
    }
}

impl Occupant for Connection {
    fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    fn has_request(&self) -> bool {
        self.has_request.load(Ordering::Relaxed)
    }

    fn abort(&self) {
        self.task.abort();
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    has_request: Arc<AtomicBool>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        has_request.store(true, Ordering::Relaxed);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        // CONNECTION_TIMEOUT includes it.
        .header_read_timeout(None)
        .max_buf_size(MAX_REQUEST_SIZE)
        .serve_connection(TokioIo::new(stream), service);
    // An error affects only this client.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}
