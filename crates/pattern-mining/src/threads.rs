//! Two things at a time: a home's machine has cores to spare, and a run has parts that do not need each other.

/// Does two things, the first on a thread of its own; a panic of either is the caller's.
pub fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (one, other)
    })
}
