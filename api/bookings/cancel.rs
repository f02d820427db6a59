//! The function behind `/api/bookings/{id}/cancel`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("bookings/cancel")
}
