"""How many hostile inputs come through each door of the house when all of these tests run."""

SUBMIT = "submit"
FILE = "a file of commands"
EVENTS = "append_events"
SEND_TASK = "send_task"
BROKER = "the broker's own lists"

INPUTS = {SUBMIT: 4500, FILE: 3500, EVENTS: 3500, SEND_TASK: 700, BROKER: 1000}
