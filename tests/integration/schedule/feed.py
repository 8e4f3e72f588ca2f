"""What the python package icalendar finds in a feed."""

import json
import sys

from icalendar import Calendar

calendar = Calendar.from_ical(sys.stdin.buffer.read())
assert calendar["VERSION"] == "2.0" and calendar["PRODID"]
events = []
for event in calendar.walk("VEVENT"):
    assert not event.errors, event.errors
    assert event["DTSTAMP"].dt and event["DURATION"].dt.total_seconds() > 0
    alarms = [alarm["TRIGGER"].dt.total_seconds() for alarm in event.walk("VALARM")]
    events.append(
        dict(
            uid=str(event["UID"]),
            start=event["DTSTART"].dt.isoformat(),
            summary=str(event["SUMMARY"]),
            description=str(event["DESCRIPTION"]),
            alarm=int(alarms[0]) if alarms else None,
        )
    )
assert len({event["uid"] for event in events}) == len(events)
print(json.dumps(events))
