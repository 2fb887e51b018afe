"""How many hostile inputs come through each door of the house when all of these tests run."""

SUBMIT = "submit"
FILE = "a file of commands"
EVENTS = "append_events"
SEND_TASK = "send_task"
BROKER = "the broker's own lists"

INPUTS = {SUBMIT: 4500, FILE: 3500, EVENTS: 3500, SEND_TASK: 700, BROKER: 1000}
# How many of them hypothesis thinks of; the rest is drawn from a seed of ours.
SEARCHED = {SUBMIT: 1000, FILE: 1000, EVENTS: 1000, SEND_TASK: 150, BROKER: 0}
