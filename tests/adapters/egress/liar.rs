//! A resolver that lies, and remembers the names that it was asked for.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
};

#[derive(Clone)]
pub struct Liar {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Liar {
    /// The first lookup gets the first answer, and so on. The last answer repeats without end.
    pub fn says(answers: &[&[&str]]) -> Self {
        let parse = |text: &&str| text.parse().expect("an address");
        let answers = answers.iter().map(|answer| answer.iter().map(parse).collect());
        Self { answers: Arc::new(answers.collect()), asked: Arc::default() }
    }

    pub fn resolver(&self) -> impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + use<> {
        let Self { answers, asked } = self.clone();
        move |host| {
            let mut asked = asked.lock().unwrap();
            let answer = answers[asked.len().min(answers.len() - 1)].clone();
            asked.push(host.to_owned());
            Ok(answer)
        }
    }

    /// The names it was asked for since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}
