"""A server of SSH on loopback: hands what it is told to a shell, as OpenSSH's does. Prints its port.

sshd.py HOST-KEY AUTHORIZED-KEYS LOG
"""
import asyncio
import sys

import asyncssh

host_key, authorized, log = sys.argv[1:]


async def run(process):
    with open(log, "a", encoding="utf-8") as told:
        print(repr(process.command), file=told)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_shell(process.command, stdin=pipe, stdout=pipe, stderr=pipe)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    code = await child.wait()
    await process.stdout.drain()
    await process.stderr.drain()
    process.exit(code if code >= 0 else 128 - code)


async def main():
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[host_key], authorized_client_keys=authorized,
                                   process_factory=run, encoding=None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()


asyncio.run(main())
