//! x
pub fn check(r: &crate::Results) {
    use crate::*;
    for ((cell, which), outcome) in &r.0 {
        if cell.skew == 0 && cell.issuers == 1 {
            println!("{:?} {} {:?} {:?} {:?}", which, cell.outage, cell.rotation, cell.flood, outcome);
        }
    }
}
