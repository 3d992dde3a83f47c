//! One piece of work for all who ask for it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Runs one task per key, however many ask at the same time.
///
/// Everybody sees the task's progress `P` and gets its result `T`. The task is aborted when the last
/// one who waits for it goes away. Once it has ended, the next to ask starts it anew.
#[derive(Debug)]
pub struct OnceMap<K, P, T> {
    jobs: Mutex<HashMap<K, Weak<Job<P, T>>>>,
}

#[derive(Debug)]
struct Job<P, T> {
    state: watch::Receiver<State<P, T>>,
    task: AbortHandle,
}

#[derive(Debug, Clone)]
enum State<P, T> {
    Running(P),
    Done(T),
}

impl<P, T> Drop for Job<P, T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A share in a task; see [`OnceMap::join`].
#[derive(Debug)]
pub struct Joined<P, T> {
    job: Arc<Job<P, T>>,
    state: watch::Receiver<State<P, T>>,
}

/// Where a task tells how far it is.
#[derive(Debug, Clone)]
pub struct Reporter<P, T>(Arc<watch::Sender<State<P, T>>>);

impl<P, T> Reporter<P, T> {
    /// Tells everybody who waits.
    pub fn report(&self, progress: P) {
        self.0.send_replace(State::Running(progress));
    }
}

impl<K, P, T> Default for OnceMap<K, P, T> {
    fn default() -> Self {
        Self {
            jobs: Mutex::default(),
        }
    }
}

impl<K, P, T> OnceMap<K, P, T>
where
    K: Eq + Hash,
    P: Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Takes part in the key's task, starting it if nobody has.
    ///
    /// Must be called within a tokio runtime.
    pub fn join<W, F>(&self, key: K, start: P, work: W) -> Joined<P, T>
    where
        W: FnOnce(Reporter<P, T>) -> F,
        F: Future<Output = T> + Send + 'static,
    {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.retain(|_, job| job.strong_count() > 0);
        if let Some(job) = jobs.get(&key).and_then(Weak::upgrade)
            && !matches!(*job.state.borrow(), State::Done(_))
        {
            let state = job.state.clone();
            return Joined { job, state };
        }
        let (sender, state) = watch::channel(State::Running(start));
        let sender = Arc::new(sender);
        let future = work(Reporter(Arc::clone(&sender)));
        let task = tokio::spawn(async move {
            let result = future.await;
            sender.send_replace(State::Done(result));
        })
        .abort_handle();
        let job = Arc::new(Job {
            state: state.clone(),
            task,
        });
        jobs.insert(key, Arc::downgrade(&job));
        Joined { job, state }
    }
}

impl<P: Clone, T: Clone> Joined<P, T> {
    /// Waits for the end, passing on every progress that is not overtaken by the next.
    ///
    /// `None` if the task ended without a result, which only a panic can bring about.
    pub async fn wait(mut self, mut seen: impl FnMut(P)) -> Option<T> {
        loop {
            let state = self.state.borrow_and_update().clone();
            match state {
                State::Running(progress) => seen(progress),
                State::Done(result) => return Some(result),
            }
            if self.state.changed().await.is_err() {
                return match self.job.state.borrow().clone() {
                    State::Done(result) => Some(result),
                    State::Running(_) => None,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_task_serves_all() {
        let runs = Arc::new(AtomicUsize::new(0));
        let map: OnceMap<&str, u32, usize> = OnceMap::default();
        let (go, gate) = tokio::sync::oneshot::channel::<()>();
        let counter = Arc::clone(&runs);
        let first = map.join("a", 0, move |reporter| async move {
            reporter.report(1);
            gate.await.ok();
            counter.fetch_add(1, Ordering::SeqCst) + 1
        });
        let second = map.join("a", 0, |_| async { unreachable!("the first one runs") });
        go.send(()).unwrap();
        let (one, two) = tokio::join!(first.wait(|_| {}), second.wait(|_| {}));
        assert_eq!(
            (one, two, runs.load(Ordering::SeqCst)),
            (Some(1), Some(1), 1)
        );
        let third = map.join("a", 0, |_| async { 7 });
        assert_eq!(third.wait(|_| {}).await, Some(7));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_aborted() {
        let map: OnceMap<&str, (), ()> = OnceMap::default();
        let (alive, dropped) = tokio::sync::oneshot::channel::<()>();
        let joined = map.join("a", (), move |_| async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        drop(joined);
        assert!(dropped.await.is_err());
    }

    #[tokio::test]
    async fn a_panic_is_no_hang() {
        let map: OnceMap<&str, (), u8> = OnceMap::default();
        let joined = map.join("a", (), |_| async { panic!("expected in this test") });
        assert_eq!(joined.wait(|()| {}).await, None);
    }
}
