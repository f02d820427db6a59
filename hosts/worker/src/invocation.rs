//! Gives running code the `waitUntil` of its own event. One isolate handles several events at a
//! time. <https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil>

use futures_util::future::BoxFuture;
use std::rc::Rc;

type WaitUntil = Rc<dyn Fn(BoxFuture<'static, ()>)>;

tokio::task_local! {
    static WAIT_UNTIL: WaitUntil;
}

/// Runs `work` in the event of `wait_until`.
pub(crate) async fn within<T>(
    wait_until: impl Fn(BoxFuture<'static, ()>) + 'static,
    work: impl Future<Output = T>,
) -> T {
    WAIT_UNTIL.scope(Rc::new(wait_until), work).await
}

/// Keeps the event alive until `work` is done, for at most 30 seconds after the response.
pub(crate) fn after_response(work: BoxFuture<'static, ()>) {
    match WAIT_UNTIL.try_with(Rc::clone) {
        Ok(wait_until) => {
            let work = WAIT_UNTIL.scope(Rc::clone(&wait_until), work);
            wait_until(Box::pin(worker::send::SendFuture::new(work)));
        }
        Err(_) => log::error!("work after the response is dropped: it belongs to no event"),
    }
}
