"""Every mutant that the suite must catch."""

from tests.mutants.channels import CHANNEL_MUTANTS
from tests.mutants.commands import COMMAND_MUTANTS
from tests.mutants.deliveries import DELIVERY_MUTANTS
from tests.mutants.fleet import FLEET_MUTANTS
from tests.mutants.importing import IMPORT_MUTANTS
from tests.mutants.projections import PROJECTION_MUTANTS
from tests.mutants.readers import READERS
from tests.mutants.views import VIEW_MUTANTS
from tests.mutants.waiting import WAITING_MUTANTS

MUTANTS = (
    *READERS,
    *COMMAND_MUTANTS,
    *PROJECTION_MUTANTS,
    *FLEET_MUTANTS,
    *VIEW_MUTANTS,
    *IMPORT_MUTANTS,
    *WAITING_MUTANTS,
    *DELIVERY_MUTANTS,
    *CHANNEL_MUTANTS,
)
