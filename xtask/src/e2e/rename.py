"""Renames entities of a real Home Assistant and prints what every one of them went through, whatever its id was.

usage: rename.py URL TOKEN. One line of JSON: [{"entity_id", "former", "changes": [[instant, state or null], …]}, …]
"""

import asyncio
import json
import sys

import aiohttp

FIRST, SECOND = "input_boolean.guest_mode", "input_boolean.vacation"
NEW, BETWEEN = "input_boolean.e2e_renamed", "input_boolean.e2e_for_a_moment"


class Home:
    def __init__(self, socket):
        self.socket = socket
        self.next_id = 0
        # Which line of changes an id belongs to now.
        self.line = {FIRST: [], SECOND: []}

    async def call(self, **command):
        self.next_id += 1
        await self.socket.send_json({"id": self.next_id, **command})
        while True:
            message = await self.socket.receive_json(timeout=30)
            if message["type"] == "event":
                self.heard(message["event"])
            elif message.get("id") == self.next_id:
                if not message["success"]:
                    raise SystemExit(f"{command}: {message['error']}")
                return message["result"]

    def heard(self, event):
        data = event["data"]
        if data["entity_id"] in self.line:
            new = data["new_state"]
            change = [new["last_updated"], new["state"]] if new else [event["time_fired"], None]
            self.line[data["entity_id"]].append(change)

    async def until(self, entity_id, count):
        while len(self.line[entity_id]) < count:
            message = await self.socket.receive_json(timeout=30)
            if message["type"] == "event":
                self.heard(message["event"])

    async def toggle(self, entity_id, times):
        for _ in range(times):
            count = len(self.line[entity_id])
            await self.call(type="call_service", domain="input_boolean", service="toggle", target={"entity_id": entity_id})
            await self.until(entity_id, count + 1)

    async def rename(self, old, new):
        line = self.line[old]
        self.line[new] = line
        count = len(line)
        await self.call(type="config/entity_registry/update", entity_id=old, new_entity_id=new)
        # The old state goes, the new one comes.
        await self.until(new, count + 2)


async def main(url, token):
    async with aiohttp.ClientSession() as session, session.ws_connect(url + "/api/websocket") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        assert (await socket.receive_json())["type"] == "auth_ok"
        home = Home(socket)
        await home.call(type="subscribe_events", event_type="state_changed")
        await home.toggle(FIRST, 3)
        await home.toggle(SECOND, 2)
        await home.rename(FIRST, NEW)
        await home.toggle(NEW, 3)
        # Long enough for the registry to be read in between.
        await asyncio.sleep(6)
        await home.toggle(NEW, 1)
        # Two entities change names, as fast as Home Assistant does it.
        await home.rename(NEW, BETWEEN)
        await home.rename(SECOND, NEW)
        await home.rename(BETWEEN, SECOND)
        await home.toggle(NEW, 3)
        await home.toggle(SECOND, 2)
        print(json.dumps([
            {"entity_id": SECOND, "former": [BETWEEN, NEW, FIRST], "changes": home.line[SECOND]},
            {"entity_id": NEW, "former": [SECOND], "changes": home.line[NEW]},
        ]))


asyncio.run(main(*sys.argv[1:]))
