"""A local sandbox of the vendors' HTTP contracts: jobs, money, files and faults, no network.

`Sandbox` serves every installed vendor app on one loopback port; `motionkit.sandbox.faults`
explains how a fault is written, `motionkit.sandbox.hooks` delivers webhooks. Needs the extra
`motionkit[sandbox]`.
"""

from motionkit.sandbox.app import AppFactory, Route, SandboxApp
from motionkit.sandbox.faults import FaultError
from motionkit.sandbox.media import sample_clip, sample_picture
from motionkit.sandbox.server import Sandbox
from motionkit.sandbox.world import Account, Job, State, World

__all__ = [
    "Account",
    "AppFactory",
    "FaultError",
    "Job",
    "Route",
    "Sandbox",
    "SandboxApp",
    "State",
    "World",
    "sample_clip",
    "sample_picture",
]
