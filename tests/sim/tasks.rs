//! The executor: tasks are polled one at a time, in the order in which they were woken.

use crate::world::{Origin, Started, World};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
};

#[derive(Default)]
struct Ready(Mutex<VecDeque<u64>>);

struct Wakeup {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.0.lock().unwrap();
        if !ready.contains(&self.task) {
            ready.push_back(self.task);
        }
    }
}

struct Task {
    origin: Arc<Origin>,
    work: BoxFuture<'static, ()>,
    waker: Waker,
}

/// The tasks of a run.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: BTreeMap<u64, Task>,
    ready: Arc<Ready>,
}

impl Tasks {
    /// Polls until everybody waits for something.
    pub(crate) fn go_on(&mut self, world: &World) {
        loop {
            self.adopt(world);
            let Some(number) = self.ready.0.lock().unwrap().pop_front() else {
                return;
            };
            let Some(task) = self.tasks.get_mut(&number) else {
                continue;
            };
            world.state().current = Some(Arc::clone(&task.origin));
            let waker = task.waker.clone();
            let is_done = task
                .work
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready();
            world.state().current = None;
            if is_done {
                self.tasks.remove(&number);
            }
        }
    }

    fn adopt(&mut self, world: &World) {
        let started = std::mem::take(&mut world.state().started);
        for Started { origin, work } in started {
            let number = origin.number;
            let waker = Waker::from(Arc::new(Wakeup {
                task: number,
                ready: Arc::clone(&self.ready),
            }));
            waker.wake_by_ref();
            let task = Task {
                origin,
                work,
                waker,
            };
            self.tasks.insert(number, task);
        }
    }

    /// Ends every task of an instance where it stands.
    pub(crate) fn crash(&mut self, instance: usize) {
        let doomed: Vec<u64> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.origin.instance == Some(instance))
            .map(|(number, _)| *number)
            .collect();
        for number in doomed {
            self.tasks.remove(&number);
        }
    }

    /// What the tasks are called.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tasks
            .values()
            .map(|task| task.origin.name.clone())
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
