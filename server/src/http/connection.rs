//! One connection of HTTP, in whatever version: its limits, and its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::patience::Patient;
use crate::clock::Clock;
use crate::metrics::{FailureKind, Metrics, Route, StatusClass};
use crate::server::Server;
use crate::task::Task;

/// Bytes of a request's head. Browsers send less than 2 KiB, and our pages set one short cookie.
const HEAD_MAX: u32 = 16 * 1024;

/// What is read at a time, head or body: as much as several TLS records, so that an upload is
/// not read in small pieces.
const READ_MAX: usize = 256 * 1024;

/// The same where nothing but heads is read.
const SMALL_MAX: usize = 16 * 1024;

/// For the whole of a head to come, and for the next request on a connection.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// Requests of one HTTP/2 connection at a time: a page and its files are a dozen.
const STREAMS_MAX: u32 = 64;

/// What one HTTP/2 request, and one connection, may send before it was read: less makes uploads slow.
const WINDOW: u32 = 1024 * 1024;

/// How often a connection is looked at that nothing is asked on.
const IDLE: Duration = Duration::from_secs(60);

/// RFC 9110 §7.6.1
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// For requests that are under way when the server stops.
const GOODBYE: Duration = Duration::from_secs(10);

/// What is asked on a connection.
#[derive(Debug, Default)]
struct Requests {
    all: AtomicU64,
    open: AtomicUsize,
}

/// One that is under way.
struct Open(Arc<Requests>);

impl Open {
    fn count(requests: &Arc<Requests>) -> Self {
        requests.all.fetch_add(1, Ordering::Relaxed);
        requests.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(requests))
    }
}

/// Where answers are counted.
#[derive(Clone)]
struct Meter {
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Meter {
    fn of(server: &Server) -> Self {
        Meter { metrics: Arc::clone(&server.metrics), clock: server.clock.clone() }
    }

    fn count(&self, route: Route, status: u16) {
        let class = StatusClass::of(status);
        self.metrics.http_requests.count(route, class);
        // What monitoring is told when the server is not ready is no failure of HTTP.
        if class == StatusClass::ServerError && route != Route::Monitoring {
            self.metrics.failed(self.clock.now(), FailureKind::Http, None, &status.to_string());
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until it ends. `ready` makes each request what the routes expect, or refuses it.
pub(super) async fn serve<S, R>(server: &Server, io: S, routes: Router, ready: R, mut task: Task)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Fn(Request<Body>) -> Result<Request<Body>, Box<Response<Body>>> + Clone + Send + 'static,
{
    let requests = Arc::<Requests>::default();
    let counted = Arc::clone(&requests);
    let meter = Meter::of(server);
    let service = service_fn(move |request: Request<Incoming>| {
        let (open, meter) = (Open::count(&counted), meter.clone());
        let route = Route::of(request.uri().path());
        let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
        let (mut routes, request) = (routes.clone(), ready(request.map(Body::new)));
        async move {
            let mut response = match request {
                Ok(request) => routes.call(request).await?,
                Err(refusal) => *refusal,
            };
            if is_last {
                // RFC 9112 §6.1: there may have been a length beside it, which hyper takes away, and
                // somebody on the way may have gone by that.
                response.headers_mut().insert(header::CONNECTION, CLOSE);
            }
            meter.count(route, response.status().as_u16());
            Ok::<_, Infallible>(held(response, open))
        }
    });
    let io = TokioIo::new(Patient::new(io, server.config().timeouts.write));
    let builder = builder();
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let mut seen = 0;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = task.stopped() => break,
            () = sleep(IDLE) => {
                let all = requests.all.load(Ordering::Relaxed);
                if requests.open.load(Ordering::Relaxed) == 0 && all == seen {
                    break;
                }
                seen = all;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    drop(timeout(GOODBYE, connection).await);
}

/// Answers one request of HTTP/1 and closes: what stands behind it is not read.
pub(super) async fn serve_once<S>(server: &Server, io: S, routes: Router, mut task: Task)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let meter = Meter::of(server);
    let service = service_fn(move |request: Request<Incoming>| {
        let (meter, mut routes) = (meter.clone(), routes.clone());
        async move {
            let route = Route::of(request.uri().path());
            let response = routes.call(request.map(Body::new)).await?;
            meter.count(route, response.status().as_u16());
            Ok::<_, Infallible>(response)
        }
    });
    let io = TokioIo::new(Patient::new(io, server.config().timeouts.write));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_buf_size(SMALL_MAX);
    builder.half_close(false).keep_alive(false);
    let mut connection = pin!(builder.serve_connection(io, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = task.stopped() => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(timeout(GOODBYE, connection).await);
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(READ_MAX)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .keep_alive_interval(IDLE)
        .keep_alive_timeout(HEAD_PATIENCE);
    builder
}

/// A response that is under way until its body is at its end.
fn held(response: Response<Body>, open: Open) -> Response<Body> {
    response.map(|body| Body::new(Held { body, _open: open }))
}

struct Held {
    body: Body,
    _open: Open,
}

impl hyper::body::Body for Held {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
