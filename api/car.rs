//! The function behind `/api/cars/{car}`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("car")
}
