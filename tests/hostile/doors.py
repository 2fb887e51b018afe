"""How many hostile inputs come through each door of the house when all of these tests run."""

SUBMIT = "submit"
FILE = "a file of commands"
EVENTS = "append_events"
SEND_TASK = "send_task"
BROKER = "the broker's own lists"

INPUTS = {SUBMIT: 5000, FILE: 4000, EVENTS: 4000, SEND_TASK: 600, BROKER: 1000}
# How many of them hypothesis thinks of; the rest is drawn from a seed of ours.
SEARCHED = {SUBMIT: 500, FILE: 300, EVENTS: 600, SEND_TASK: 60, BROKER: 0}
