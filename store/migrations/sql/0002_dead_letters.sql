-- Messages that no worker could read or knew a task for: kept as they came, until a person decides.
create table fleetlog.dead_letters (
    letter_id uuid not null constraint dead_letters_pkey primary key,
    queue varchar(255) not null,
    reason text not null,
    task_name varchar(255),
    message bytea not null,
    set_aside_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index dead_letters_recorded on fleetlog.dead_letters (recorded_at);

-- Known letters are left alone: whoever brings one may have died before noting that he did.
create function fleetlog.keep_dead_letter(
    p_letter_id uuid, p_queue text, p_reason text, p_task_name text, p_message bytea, p_at timestamptz
) returns void
language sql security definer set search_path = fleetlog, pg_temp as $$
    insert into dead_letters (letter_id, queue, reason, task_name, message, set_aside_at)
    values (p_letter_id, left(p_queue, 255), p_reason, left(p_task_name, 255), p_message, p_at)
    on conflict do nothing
$$;

-- Hand letters out and forget them, when the caller's transaction commits.
create function fleetlog.take_dead_letters(p_letter_ids uuid[])
returns table (letter_id uuid, queue text, message bytea)
language sql security definer set search_path = fleetlog, pg_temp as $$
    delete from dead_letters d where d.letter_id = any (p_letter_ids)
    returning d.letter_id, d.queue::text, d.message
$$;

revoke all on function fleetlog.keep_dead_letter, fleetlog.take_dead_letters from public;
grant execute on function fleetlog.keep_dead_letter, fleetlog.take_dead_letters to fleetlog_writer;
grant select on fleetlog.dead_letters to fleetlog_reader;
