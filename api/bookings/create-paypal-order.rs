//! The function behind `/api/bookings/create-paypal-order`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("bookings/create-paypal-order")
}
