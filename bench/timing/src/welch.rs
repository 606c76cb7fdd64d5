//! Welch's t-test (1947), with means and variances as they come (Welford 1962).
//! Neither the gateway nor a clock is here.

/// Two samples.
#[derive(Default)]
pub struct Welch {
    near: Sample,
    far: Sample,
}

#[derive(Default)]
struct Sample {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Sample {
    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
    }

    fn variance_of_mean(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

impl Welch {
    /// Adds a measurement to one of the two.
    pub fn push(&mut self, is_near: bool, value: f64) {
        if is_near { &mut self.near } else { &mut self.far }.push(value);
    }

    /// How many standard errors lie between the means.
    pub fn t(&self) -> f64 {
        let error = (self.near.variance_of_mean() + self.far.variance_of_mean()).sqrt();
        (self.near.mean - self.far.mean) / error
    }

    /// The mean of each.
    pub fn means(&self) -> (f64, f64) {
        (self.near.mean, self.far.mean)
    }
}
