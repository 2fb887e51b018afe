-- An inbox rests after its first command has failed: messages for the commands behind it, which
-- are many under load, must not use up that command's attempts within milliseconds.
alter table fleetlog.commands add column not_before timestamptz;

create function fleetlog.note_failure(p_command_id uuid, p_error text, p_pause double precision)
returns void
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands
    set error = p_error::jsonb, not_before = clock_timestamp() + make_interval(secs => p_pause)
    where command_id = p_command_id and status = 'accepted'
$$;

-- A person's word: parked commands go to the end of their inboxes with their attempts forgiven.
create or replace function fleetlog.retry_commands(p_command_ids uuid[]) returns setof uuid
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands
    set status = 'accepted', accepted_no = default, attempts = 0, finished_at = null,
        not_before = null, published_at = clock_timestamp()
    where command_id = any (p_command_ids) and status = 'parked'
    returning command_id
$$;

revoke all on function fleetlog.note_failure(uuid, text, double precision) from public;
grant execute on function fleetlog.note_failure(uuid, text, double precision) to fleetlog_writer;
