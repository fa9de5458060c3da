//! From a request to its answer.

use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::accept::preferred;
use super::host;
use super::process::ProcessFiles;
use crate::report::metrics;
use bullhorn_server::Monitor;

/// Where the answers come from.
pub(super) struct Source {
    pub(super) monitor: Monitor,
    pub(super) process: ProcessFiles,
}

impl Source {
    /// The body is not looked at; the host only where it is to be checked.
    pub(super) fn answer<B>(&self, request: &Request<B>, checks_host: bool) -> Response<String> {
        if checks_host && !is_for_loopback(request) {
            return plain(StatusCode::MISDIRECTED_REQUEST, host::REFUSAL);
        }
        let answer = match request.uri().path() {
            "/metrics" => Self::metrics,
            "/livez" => Self::live,
            "/readyz" => Self::ready,
            _ => {
                let text = "here are /metrics, /livez and /readyz\n";
                return plain(StatusCode::NOT_FOUND, text);
            }
        };
        // Hyper leaves out the body where the method is HEAD.
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        let accepted = request.headers().get_all(ACCEPT).iter();
        let accepted: Vec<_> = accepted.filter_map(|value| value.to_str().ok()).collect();
        answer(self, &accepted.join(","))
    }

    fn metrics(&self, accepted: &str) -> Response<String> {
        let format = preferred(accepted);
        let mut text = Vec::new();
        let is_written = self.monitor.stats().is_some_and(|stats| {
            metrics::write(&mut text, format, &stats, &self.process.read()).is_ok()
        });
        match String::from_utf8(text) {
            Ok(text) if is_written => respond(StatusCode::OK, format.content_type(), text),
            _ => plain(StatusCode::SERVICE_UNAVAILABLE, "the server has ended\n"),
        }
    }

    fn live(&self, _: &str) -> Response<String> {
        if self.monitor.is_alive() {
            plain(StatusCode::OK, "alive\n")
        } else {
            plain(StatusCode::SERVICE_UNAVAILABLE, "a worker has ended\n")
        }
    }

    fn ready(&self, accepted: &str) -> Response<String> {
        if self.monitor.is_ready() {
            plain(StatusCode::OK, "ready\n")
        } else if self.monitor.is_stopping() {
            plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        } else {
            self.live(accepted)
        }
    }
}

/// Every Host header and the authority of the request's own URI, if it has one, name this machine.
fn is_for_loopback<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(|it| it.as_str());
    let mut hosts = request.headers().get_all(HOST).iter();
    host::is_loopback(authority)
        && hosts.all(|it| host::is_loopback(Some(it.to_str().unwrap_or(""))))
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    respond(status, "text/plain; charset=utf-8", text.to_owned())
}

fn respond(status: StatusCode, content_type: &'static str, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use bullhorn_server::Server;

    fn ask(source: &Source, path: &str) -> (u16, String) {
        let response = source.answer(&Request::get(path).body(()).unwrap(), true);
        (response.status().as_u16(), response.into_body())
    }

    #[test]
    fn a_server_that_has_stopped_is_not_ready_and_has_no_metrics_yet_lives() {
        let server = Server::builder()
            .endpoint("udp://127.0.0.1:0")
            .start()
            .unwrap();
        let source = Source {
            monitor: server.monitor(),
            process: ProcessFiles::open(),
        };
        assert_eq!(ask(&source, "/readyz"), (200, "ready\n".to_owned()));
        assert_eq!(ask(&source, "/livez"), (200, "alive\n".to_owned()));
        assert_eq!(ask(&source, "/metrics").0, 200);
        server.stop();
        assert_eq!(ask(&source, "/readyz"), (503, "stopping\n".to_owned()));
        assert_eq!(ask(&source, "/livez"), (200, "alive\n".to_owned()));
        assert_eq!(ask(&source, "/metrics").0, 503);
    }
}
