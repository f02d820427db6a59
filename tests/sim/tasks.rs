//! The executor of all tasks. It polls one task at a time, in the order of their wake-ups.

use crate::world::{NewTask, Origin, World};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
};

#[derive(Default)]
struct ReadyQueue(Mutex<VecDeque<u64>>);

struct TaskWaker {
    task: u64,
    ready: Arc<ReadyQueue>,
}

impl Wake for TaskWaker {
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

#[derive(Default)]
pub(crate) struct Tasks {
    tasks: BTreeMap<u64, Task>,
    ready: Arc<ReadyQueue>,
}

impl Tasks {
    /// Polls until no task is ready.
    pub(crate) fn poll_ready(&mut self, world: &World) {
        loop {
            self.add_new(world);
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

    fn add_new(&mut self, world: &World) {
        let new_tasks = std::mem::take(&mut world.state().new_tasks);
        for NewTask { origin, work } in new_tasks {
            let number = origin.number;
            let waker = Waker::from(Arc::new(TaskWaker {
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

    /// Drops every task of an instance.
    pub(crate) fn crash(&mut self, instance: usize) {
        let numbers: Vec<u64> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.origin.instance == Some(instance))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.tasks.remove(&number);
        }
    }

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
