//! Measures functions in turns, by the CPU time of this thread, and counts their allocations.

use rustix::time::{ClockId, clock_gettime};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};

/// An allocator that counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: passes every call on to the system's allocator. A thread's counter needs no allocation and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(place, layout, size) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A function to be measured.
pub struct Contender<'a> {
    name: String,
    work: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    /// Names a function. Its result is consumed, so that the compiler cannot remove the work.
    pub fn new<T>(name: impl Into<String>, mut work: impl FnMut() -> T + 'a) -> Self {
        Self { name: name.into(), work: Box::new(move || drop(black_box(work()))) }
    }
}

/// How long each contender is measured.
#[derive(Clone, Copy)]
pub struct Effort {
    /// The number of slices.
    pub slices: u32,
    /// The length of a slice, in nanoseconds.
    pub slice: f64,
}

impl Effort {
    /// The effort that the arguments of the program ask for: `--quick` measures for a look only.
    pub fn asked() -> Self {
        if quick() { Self { slices: 7, slice: 0.4e6 } } else { Self { slices: 41, slice: 1.5e6 } }
    }
}

/// Whether the tables are for a look only.
pub fn quick() -> bool {
    std::env::args().any(|argument| argument == "--quick")
}

/// The result of a measurement. The first contender is the measure of the others.
pub struct Measured {
    /// The name of the contender.
    pub name: String,
    /// The CPU time of one run: the median of the slices, in nanoseconds.
    pub median: f64,
    /// The CPU time of one run in the quickest slice, in nanoseconds.
    pub least: f64,
    /// The ratio to the first contender in the same turn: the median of the turns.
    pub ratio: f64,
    /// The ratio of the quickest slice to the quickest slice of the first contender.
    pub least_ratio: f64,
    /// The number of allocations of one run.
    pub allocations: u64,
}

/// The number of allocations of this thread.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The CPU time of this thread, in nanoseconds.
pub fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Runs of the work to learn how long one takes, and to fill its caches.
const FIRST: u32 = 30;

/// Measures the contenders in turns, forth and back, so that other work of the machine disturbs all of them alike.
pub fn measure(mut contenders: Vec<Contender<'_>>, effort: Effort) -> Vec<Measured> {
    let mut allocations = Vec::new();
    let mut runs = Vec::new();
    for contender in &mut contenders {
        (contender.work)();
        let (before, start) = (ALLOCATIONS.get(), cpu());
        (0..FIRST).for_each(|_| (contender.work)());
        let one = (cpu() - start) / f64::from(FIRST);
        let count = ALLOCATIONS.get() - before;
        allocations.push((count + u64::from(FIRST) / 2) / u64::from(FIRST));
        runs.push((effort.slice / one.max(1.0)).clamp(1.0, 1e6) as u32);
    }
    let mut times = vec![Vec::new(); contenders.len()];
    for turn in 0..effort.slices {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        for place in order {
            let start = cpu();
            (0..runs[place]).for_each(|_| (contenders[place].work)());
            times[place].push((cpu() - start) / f64::from(runs[place]));
        }
    }
    let names = contenders.into_iter().map(|contender| contender.name);
    results(names.zip(allocations).collect(), &times)
}

/// Makes results of the times of each contender, and of its name and number of allocations.
pub fn results(contenders: Vec<(String, u64)>, times: &[Vec<f64>]) -> Vec<Measured> {
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let results = contenders.into_iter().zip(times);
    results
        .map(|((name, allocations), own)| Measured {
            name,
            median: median(own.clone()),
            least: least(own),
            ratio: median(own.iter().zip(&times[0]).map(|(own, first)| own / first).collect()),
            least_ratio: least(own) / least(&times[0]),
            allocations,
        })
        .collect()
}
