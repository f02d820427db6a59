//! A platform whose time moves by itself, for tests of exact durations.

use crate::{
    platform::{Platform, TransportError},
    scripted::START,
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture, task::noop_waker_ref};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// Two minutes, the longest run of a test.
const MAX_STEPS: usize = 120_000;

/// A platform whose time moves by a millisecond when no task can go on. Upstreams reply by a script
/// and are not reached after its end.
#[derive(Default)]
pub(crate) struct SteppedPlatform {
    /// Milliseconds since the start.
    elapsed: AtomicI64,
    replies: Mutex<VecDeque<String>>,
    /// The milliseconds until each reply.
    latency: AtomicI64,
    requests: Mutex<Vec<(i64, String)>>,
    work_after_response: Mutex<Vec<BoxFuture<'static, ()>>>,
}

impl SteppedPlatform {
    pub(crate) fn new<T: ToString>(replies: impl IntoIterator<Item = T>) -> Self {
        let replies = replies.into_iter().map(|reply| reply.to_string());
        Self {
            replies: Mutex::new(replies.collect()),
            ..Self::default()
        }
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        let millis = i64::try_from(latency.as_millis()).unwrap();
        self.latency.store(millis, Ordering::SeqCst);
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed(&self) -> i64 {
        self.elapsed.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.elapsed.fetch_add(millis, Ordering::SeqCst);
    }

    /// The bodies of all requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(_, body)| body.clone()).collect()
    }

    /// The time of each request, in milliseconds since the start.
    pub(crate) fn request_times(&self) -> Vec<i64> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(at, _)| *at).collect()
    }

    /// Runs the work after the response until it waits, and drops it, as a host does that stops.
    pub(crate) fn cut_off(&self) {
        let work = std::mem::take(&mut *self.work_after_response.lock().unwrap());
        for task in work {
            let _ = task.now_or_never();
        }
    }

    /// Runs `tasks` and the work after their responses to the end.
    pub(crate) fn run<T>(&self, tasks: Vec<BoxFuture<'_, T>>) -> Vec<T> {
        let mut context = Context::from_waker(noop_waker_ref());
        let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
        let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
        let mut later = Vec::new();
        for _ in 0..MAX_STEPS {
            for (task, result) in tasks.iter_mut().zip(&mut results) {
                if let Some(Poll::Ready(ready)) =
                    task.as_mut().map(|task| task.poll_unpin(&mut context))
                {
                    (*task, *result) = (None, Some(ready));
                }
            }
            later.append(&mut self.work_after_response.lock().unwrap());
            later.retain_mut(|work: &mut BoxFuture<'static, ()>| {
                work.poll_unpin(&mut context).is_pending()
            });
            if later.is_empty() && results.iter().all(Option::is_some) {
                return results.into_iter().flatten().collect();
            }
            self.advance(Duration::from_millis(1));
        }
        panic!("a task waits for ever");
    }
}

impl Platform for SteppedPlatform {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.requests.lock().unwrap().push((self.elapsed(), body));
        let reply = self.replies.lock().unwrap().pop_front();
        let reply = reply.map(|body| http::Response::new(Bytes::from(body)));
        let latency = Duration::from_millis(self.latency.load(Ordering::SeqCst).unsigned_abs());
        async move {
            self.sleep(latency).await;
            reply.ok_or(TransportError::NotSent)
        }
        .boxed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        let until = self.elapsed() + i64::try_from(duration.as_millis()).unwrap();
        std::future::poll_fn(move |_| {
            if self.elapsed() >= until {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .boxed()
    }

    fn now(&self) -> Timestamp {
        let start: Timestamp = START.parse().unwrap();
        start + SignedDuration::from_millis(self.elapsed())
    }

    fn random(&self) -> [u8; 32] {
        [7; 32]
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        self.work_after_response.lock().unwrap().push(work);
    }
}
