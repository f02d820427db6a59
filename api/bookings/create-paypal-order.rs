//! The function behind `/api/bookings/create-paypal-order`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("bookings/create-paypal-order")
}
