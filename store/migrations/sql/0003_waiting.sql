-- Somebody waits with the chain behind a command until a read model has come so far: it stays with
-- the command, and counts as published now. Null when it was sent on its way already.
create function fleetlog.keep_continuation(p_command_id uuid) returns boolean
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands set published_at = clock_timestamp()
    where command_id = p_command_id and continuation is not null
    returning true
$$;
revoke all on function fleetlog.keep_continuation(uuid) from public;
grant execute on function fleetlog.keep_continuation(uuid) to fleetlog_writer;
