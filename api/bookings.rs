//! The function behind `/api/bookings`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("bookings")
}
