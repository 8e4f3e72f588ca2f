"""When drills are due, by python-dateutil and zoneinfo. One schedule as JSON a line in; its first instants, in UTC
seconds, as JSON a line out. Written from docs/schedule.md, not from Muster's source."""

import json
import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil import rrule as r

DAYS = dict(monday=r.MO, tuesday=r.TU, wednesday=r.WE, thursday=r.TH, friday=r.FR, saturday=r.SA, sunday=r.SU)
ORDINALS = dict(first=1, second=2, third=3, fourth=4, last=-1)
NTH = ORDINALS | dict(fifth=5, sixth=6, seventh=7, eighth=8, ninth=9, tenth=10, eleventh=11, twelfth=12)
MONTHS = "january february march april may june july august september october november december".split()
LENGTH = dict(month=1, quarter=3, year=12)


def midnight(day):
    return datetime.combine(day, time())


def days(rule):
    return [moment.date() for moment in rule]


def period(every, day):
    """The first and the last day of the period that has the day in it."""
    if every == "week":
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=6)
    months = LENGTH[every]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    # The day before the period after this one.
    after = days(r.rrule(r.MONTHLY, dtstart=midnight(first), interval=months, count=2))[1]
    return first, after - timedelta(days=1)


def meant(every, on, first, last):
    """The day that the words name."""
    words = on.split()
    if every == "week":
        return days(r.rrule(r.WEEKLY, dtstart=midnight(first), byweekday=DAYS[words[0]], count=1))[0]
    if "of" in words:
        at = words.index("of")
        words, of = words[:at], [word for word in words[at + 1 :] if word != "the"]
        months = LENGTH[every]
        if of[-1] == "month":
            number = first.month + (months if of[0] == "last" else NTH[of[0]]) - 1
        else:
            number = MONTHS.index(of[0]) + 1
        first, last = period("month", date(first.year, number, 1))
    window = dict(dtstart=midnight(first), until=midnight(last))
    if words == ["last", "day"]:
        return days(r.rrule(r.DAILY, **window))[-1]
    if len(words) == 1:
        # The last of the days up to the number that the month has.
        upto = list(range(1, int(words[0]) + 1))
        return days(r.rrule(r.MONTHLY, bymonthday=upto, bysetpos=-1, **window))[0]
    nth, weekday = ORDINALS[words[0]], DAYS[words[1]]
    found = days(r.rrule(r.WEEKLY, byweekday=weekday, **window))
    return found[nth - 1] if nth > 0 else found[-1]


def free(day, first, last, excluded):
    """Modified following: the next day, else the one before, within the period."""
    if day not in excluded:
        return day
    good = lambda it: it not in excluded and (day.weekday() >= 5 or it.weekday() < 5)
    later = [it for it in days(r.rrule(r.DAILY, dtstart=midnight(day), until=midnight(last))) if good(it)]
    before = [it for it in days(r.rrule(r.DAILY, dtstart=midnight(first), until=midnight(day))) if good(it)]
    return later[0] if later else before[-1] if before else None


def instant(moment, zone):
    # fold=0: the first of two; of a time that is missing, the offset from before the change.
    return moment.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)


def cron_days(fields, start):
    """The days of a cron expression, for two years."""
    numbers = lambda field, least, most: sorted(expand(field, least, most))
    window = dict(dtstart=midnight(start), until=midnight(start + timedelta(days=800)))
    months = numbers(fields[3], 1, 12)
    by_day = days(r.rrule(r.DAILY, bymonth=months, bymonthday=numbers(fields[2], 1, 31), **window))
    # Sunday is 0 and 7 there, 6 here.
    weekdays = sorted({(number + 6) % 7 for number in expand(fields[4], 0, 7)})
    by_weekday = days(r.rrule(r.DAILY, bymonth=months, byweekday=weekdays, **window))
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return sorted(set(by_day) & set(by_weekday))
    return sorted(set(by_day) | set(by_weekday))


def expand(field, least, most):
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            first, last = least, most
        elif not last:
            last = most if step else first
        found |= set(range(int(first), int(last) + 1, int(step or 1)))
    return found


def due(schedule, start, count):
    zone = ZoneInfo(schedule.get("timezone", "UTC"))
    excluded = set()
    for span in schedule.get("not_on", []):
        first, _, last = span.partition("..")
        window = dict(dtstart=midnight(date.fromisoformat(first)), until=midnight(date.fromisoformat(last or first)))
        excluded |= set(days(r.rrule(r.DAILY, **window)))
    every = schedule["every"]
    local = start.astimezone(zone).date()
    found = set()
    if " " in every:
        fields = every.split()
        times = [(h, m) for h in expand(fields[1], 0, 23) for m in expand(fields[0], 0, 59)]
        for day in cron_days(fields, local - timedelta(days=2)):
            if day not in excluded:
                found |= {instant(datetime.combine(day, time(*at)), zone) for at in times}
    else:
        at = time.fromisoformat(schedule["at"])
        first, last = period(every, local - timedelta(days=2))
        while len([moment for moment in found if moment >= start]) < count:
            day = free(meant(every, schedule["on"], first, last), first, last, excluded)
            if day:
                found.add(instant(datetime.combine(day, at), zone))
            first, last = period(every, last + timedelta(days=1))
    return sorted(moment for moment in found if moment >= start)[:count]


for line in sys.stdin:
    case = json.loads(line)
    start = datetime.fromtimestamp(case["from"], timezone.utc)
    print(json.dumps([int(moment.timestamp()) for moment in due(case["schedule"], start, case["count"])]))
