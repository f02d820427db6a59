//! The function behind `/api/bookings/authorize-paypal-order`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("bookings/authorize-paypal-order")
}
